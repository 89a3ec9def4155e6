"""Episodes: where their frames come from, how they are kept until they are whole, and the files that become of them."""
