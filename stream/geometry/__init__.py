"""From a decoder's planes to small rectified pictures: the lens, the colours, the fused remap."""
