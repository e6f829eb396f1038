"""Land facts: from files in a folder to the lake, and nothing about their meaning."""
