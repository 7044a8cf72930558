version = 1

include = ["conf.d/[*.hcl"]
