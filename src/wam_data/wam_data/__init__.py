"""Episodes of ALOHA-WAM: read, write, verify, recover, export."""
