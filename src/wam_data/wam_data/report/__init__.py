"""What `wam episodes show` shows: gathered once, told as text and as a page."""
