# Sensitive values wherever a configuration can have them. Each variable without a default is one.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "tag_value" {
  sensitive = true
}

variable "tag_key" {
  sensitive = true
}

variable "local_value" {
  # secret by what is made of it
}

variable "unmarked_password" {
  # secret by the schema of the argument that it is in: given in a file
}

variable "secret_string" {
  # secret by schema
}

variable "secure_string" {
  # secret by schema
}

variable "value_wo" {
  ephemeral = true
}

variable "secret_string_wo" {
  ephemeral = true
}

variable "password_wo" {
  sensitive = true
  ephemeral = true
}

variable "ephemeral" {
  ephemeral = true
}

variable "description" {
  sensitive = true
}

variable "container" {
  sensitive = true
}

variable "container_key" {
  sensitive = true
}

variable "template" {
  sensitive = true
}

variable "policy" {
  sensitive = true
}

variable "environment" {
  sensitive = true
}

variable "command" {
  sensitive = true
}

variable "access_key" {
  sensitive = true
}

variable "secret_key" {
  sensitive = true
}

variable "list_element" {
  sensitive = true
}

variable "map_key" {
  sensitive = true
}

variable "map_value" {
  sensitive = true
}

variable "child" {
  sensitive = true
}

variable "output" {
  # secret by what is made of it
}

variable "stored" {
  sensitive = true
}

variable "lookup" {
  sensitive = true
}

locals {
  hidden = sensitive(var.local_value)
}

provider "aws" {
  access_key = var.access_key
  secret_key = var.secret_key
}

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
  tags = {
    Plain = "shown"
    Name  = var.tag_value
  }
}

resource "aws_subnet" "main" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
  tags       = { (var.tag_key) = local.hidden }
}

resource "aws_security_group" "main" {
  name   = "main"
  vpc_id = aws_vpc.main.id

  ingress {
    description = var.description
    protocol    = "tcp"
    from_port   = 80
    to_port     = 80
    cidr_blocks = ["10.0.0.0/8"]
  }
}

resource "aws_db_instance" "main" {
  identifier          = "main"
  engine              = "postgres"
  instance_class      = "db.t3.micro"
  allocated_storage   = 20
  username            = "main"
  password            = trimspace(file("given.txt"))
  skip_final_snapshot = true
}

resource "aws_secretsmanager_secret" "main" {
  for_each                = toset(["stored", "write_only"])
  name                    = each.key
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "stored" {
  secret_id     = aws_secretsmanager_secret.main["stored"].id
  secret_string = jsonencode({ user = "main", password = var.secret_string })
}

resource "aws_secretsmanager_secret_version" "write_only" {
  secret_id                = aws_secretsmanager_secret.main["write_only"].id
  secret_string_wo         = "${var.secret_string_wo}${var.password_wo}"
  secret_string_wo_version = 1
}

resource "aws_ssm_parameter" "secure" {
  name  = "/secure"
  type  = "SecureString"
  value = var.secure_string
}

resource "aws_ssm_parameter" "write_only" {
  name             = "/write-only"
  type             = "SecureString"
  value_wo         = "${var.value_wo}${var.ephemeral}${ephemeral.aws_ssm_parameter.stored.value}"
  value_wo_version = 1
}

resource "aws_ssm_parameter" "stored" {
  name  = "/stored"
  type  = "SecureString"
  value = var.stored
}

ephemeral "aws_ssm_parameter" "stored" {
  arn = aws_ssm_parameter.stored.arn
}

data "aws_ssm_parameter" "stored" {
  name = aws_ssm_parameter.stored.name
}

resource "aws_ecs_task_definition" "main" {
  family = "main"
  container_definitions = jsonencode([{
    name        = "main"
    image       = "registry.example.com/main:1.0"
    memory      = 128
    environment = [{ name = var.container_key, value = var.container }]
  }])
}

resource "aws_sns_topic" "main" {
  name         = "main"
  display_name = <<-EOT
    for ${var.template}
  EOT
}

resource "aws_iam_role" "main" {
  name        = "main"
  description = "of ${var.lookup}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "sts:ExternalId" = var.policy } }
    }]
  })
}

resource "terraform_data" "main" {
  input = {
    list   = ["shown", var.list_element]
    map    = { (var.map_key) = { inner = var.map_value } }
    module = module.child.back
  }
  triggers_replace = [local.hidden]

  provisioner "local-exec" {
    command = "echo ${var.command} $SECRET"
    environment = {
      SECRET = var.environment
    }
  }
}

module "child" {
  source = "./child"
  given  = var.child
}

check "stored" {
  assert {
    condition     = data.aws_ssm_parameter.stored.value == "nothing"
    error_message = "The value is not the one that was expected."
  }
}

output "hidden" {
  value     = { a = var.output, b = nonsensitive(sensitive(var.output)) }
  sensitive = true
}

output "shown" {
  value = aws_vpc.main.cidr_block
}
