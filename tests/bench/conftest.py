"""A peer's script runs in the peer's own environment: here its imports are not installed."""

collect_ignore_glob = ["peer_*.py"]
