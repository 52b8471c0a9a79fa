# What all environments have in common. The version of the service is here, so that what has passed staging is what
# production gets: a new version is a commit, and a pull request shows what it does.
image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:1.0.0"

# The pipeline's runners, which ask a new version whether it is healthy before users see it: ["203.0.113.7/32"].
test_cidr_blocks = []
