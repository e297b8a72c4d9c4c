"""The network: its parts, its variants, and the files its weights come from and go to."""
