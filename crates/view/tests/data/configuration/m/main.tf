variable "name" {
  type = string
}
variable "list" {
  type    = list(string)
  default = []
}
resource "aws_sns_topic" "t" {
  name = var.name
}
output "out" {
  value = aws_sns_topic.t.arn
}
