"""The wam command of ALOHA-WAM."""
