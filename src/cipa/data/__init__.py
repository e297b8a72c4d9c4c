"""Data sets in PCLT20K layout: reading, checking, splitting, augmenting and drawing them."""
