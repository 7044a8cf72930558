version = 1

dynamic "director" {
  for_each = ["lb1"]
  labels   = [director.value]
  content {}
}
