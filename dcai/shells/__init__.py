"""The thin outside: decode, call, encode."""
