version = 1

director "lb1" {
  address = 5
}
