"""Other ways to decide, written from what is published about them, to be measured beside ours on the same traffic."""
