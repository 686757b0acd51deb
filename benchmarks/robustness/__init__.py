"""What happens with damaged files, faults, heavy inputs, and without the extension."""
