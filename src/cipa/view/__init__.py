"""The workbench: a local server and a page to look at a result, correct it and measure it again."""
