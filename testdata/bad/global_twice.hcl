version = 1

global {}

global {}
