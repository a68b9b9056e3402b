"""Images on disk: which are kept, how, for how long; and which go on to be labelled."""
