"""Pictures that show people what an alignment did."""
