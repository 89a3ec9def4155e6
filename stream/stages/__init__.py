"""The stages of the chain, each a pure object (``stream.pipeline.stage``)."""
