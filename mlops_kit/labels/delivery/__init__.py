"""What goes out to be labelled and what comes back: forms of files, and the test by which a delivery is accepted."""
