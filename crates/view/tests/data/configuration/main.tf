terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.90.0, ~> 5.0"
    }
  }
}
provider "aws" {
  region = var.region
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  access_key                  = "a"
  secret_key                  = "b"
  default_tags {
    tags = { a = "b" }
  }
}
provider "aws" {
  alias  = "west"
  region = "us-west-2"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  access_key                  = "a"
  secret_key                  = "b"
}
variable "region" {
  default     = "eu-west-1"
  description = "where"
}
variable "secret" {
  sensitive = true
  default   = null
  type = string
}
locals { x = "y" }
resource "aws_security_group" "g" {
  for_each = toset(["a"])
  name     = "g-${each.key}"
  vpc_id   = aws_vpc.v[0].id
  ingress {
    from_port = 1
    to_port   = 1 + 1
    protocol  = "tcp"
    cidr_blocks = [aws_vpc.v[0].cidr_block, "10.0.0.0/8"]
  }
  dynamic "egress" {
    for_each = [1]
    content {
      from_port = egress.value
      to_port   = 0
      protocol  = "-1"
    }
  }
  timeouts {
    create = "5m"
  }
}
resource "aws_vpc" "v" {
  count      = 1
  provider   = aws.west
  cidr_block = "10.0.0.0/16"
  tags       = { Name = upper("a"), b = local.x }
  lifecycle {
    ignore_changes = [tags]
  }
  provisioner "local-exec" {
    command = "echo ${self.id}"
  }
}
resource "aws_lb_listener" "l" {
  load_balancer_arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/b"
  port = "80"
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = var.secret == null ? "200" : "500"
    }
  }
  dynamic "default_action" {
    for_each = []
    content { 
    type = "forward" 
    }
  }
  depends_on = [aws_vpc.v, module.m]
}
data "aws_iam_policy_document" "d" {
  statement {
    actions   = ["s3:*"]
    resources = [for k, v in aws_vpc.v : v.arn]
  }
  statement {
    actions   = ["s3:Get*"]
    resources = [aws_security_group.g["a"].arn, module.m.out, aws_vpc.v[*].id[0]]
  }
}
resource "terraform_data" "t" {
  input = aws_vpc.v[var.region == "x" ? 0 : 0].tags["k"]
  triggers_replace = {}
}
module "m" {
  source = "./m"
  name   = aws_vpc.v[0].id
  list   = ["a"]
  providers = { aws = aws.west }
}
module "n" {
  source = "./m"
  count  = 2
  name   = "x"
}
output "o" {
  value       = module.m.out
  description = "d"
}
output "p" {
  value     = "c-${1 + 2}"
  sensitive = true
  depends_on = [aws_vpc.v]
}
