"""Where data comes from that is not on this machine: the web, databases, object stores. Transport alone; nothing here knows tables' meaning."""
