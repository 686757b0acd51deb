"""The stages of training, a module each; `lead.train.stage_table` lists them."""
