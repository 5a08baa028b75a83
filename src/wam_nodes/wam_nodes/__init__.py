"""The nodes of ALOHA-WAM, one file for each box of the data flow."""
