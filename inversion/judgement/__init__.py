"""What a learned word does, judged without labels by the product's own encoders and by measures of joints."""
