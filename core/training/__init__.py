"""Training of networks: the loop that can be resumed, the SGD step, and the learners that noise is tested on."""
