version = 1

include = ["no-such-file.hcl"]
