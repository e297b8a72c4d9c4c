"""The selective scan: over sequences and over maps, by several backends."""
