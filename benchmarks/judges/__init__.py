"""The judges of benchmarks: what they see in a clip, independent of the product's own encoders."""
