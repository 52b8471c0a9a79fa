# A network, a load balancer, a service of two tasks in two colours, and a database. It runs on this machine:
#
#   infra -chdir=examples/quickstart apply -local

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = "eu-west-1"

  default_tags {
    tags = { Project = local.name }
  }
}

locals {
  name = "quickstart"
}

data "aws_availability_zones" "available" {
  state = "available"
}

module "network" {
  source = "../../infrastructure/modules/network"

  name                 = local.name
  cidr_block           = "10.40.0.0/16"
  zones                = slice(data.aws_availability_zones.available.names, 0, 2)
  nat_gateway_per_zone = false
}

resource "aws_kms_key" "this" {
  description = "Logs and secrets of ${local.name}"
}

resource "aws_ecs_cluster" "this" {
  name = local.name
}

module "service" {
  source = "../../infrastructure/modules/service"

  name               = local.name
  vpc_id             = module.network.vpc_id
  public_subnet_ids  = module.network.public_subnet_ids
  private_subnet_ids = module.network.private_subnet_ids

  cluster = {
    arn  = aws_ecs_cluster.this.arn
    name = aws_ecs_cluster.this.name
  }

  container = {
    image = "infra/hello:${var.app_version}"
    environment = {
      FAIL_PERCENT = tostring(var.fail_percent)
      DATABASE     = "postgres://${aws_db_instance.this.username}@${aws_db_instance.this.endpoint}/${aws_db_instance.this.db_name}"
    }
    secrets = { DATABASE_PASSWORD = aws_secretsmanager_secret.database.arn }
  }

  tasks        = { min = 2, max = 2 }
  health_check = { interval = 5, timeout = 2 }

  release = {
    standby      = var.standby
    window       = "10s"
    min_requests = 50
  }

  egress = {
    database = {
      security_group_id = aws_security_group.database.id
      port              = aws_db_instance.this.port
    }
  }

  secret_arns         = [aws_secretsmanager_secret.database.arn]
  kms_key_arn         = aws_kms_key.this.arn
  log_retention_days  = 7
  deletion_protection = false
}
