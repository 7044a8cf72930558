version = 1

director "lb1" {
  address  = "192.168.0.10"
  priority = 100
}

director "lb2" {
  address  = "192.168.0.20"
  priority = 100
}

