"""Stand-in: the part of message_filters that ALOHA-WAM imports."""
