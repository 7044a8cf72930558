version = 1

include = [local.files]
