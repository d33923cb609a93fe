"""What the workflow has done, is doing and has still to do, from the files that commands leave."""
