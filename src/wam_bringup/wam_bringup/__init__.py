"""How ALOHA-WAM starts: its configuration and the lists of nodes that run."""
