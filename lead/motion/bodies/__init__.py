"""Meshes and body models: the mannequin, SMPL poses and SMPL meshes."""
