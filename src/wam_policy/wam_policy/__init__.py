"""The policy interface of ALOHA-WAM and the policies behind it."""
