version = 1

director "lb1" {
  address = "192.168.0.10/24"
}
