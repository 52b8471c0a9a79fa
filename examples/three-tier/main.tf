# A bookshop in three tiers: a load balancer, two Fargate services (`front` and `catalog`), and PostgreSQL. One folder,
# no modules: see ../../infrastructure for the same ideas as modules for several environments.

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
  region = var.region

  default_tags {
    tags = {
      Project = var.name
    }
  }
}

variable "region" {
  description = "AWS region; zones a and b of it are used."
  type        = string
  default     = "eu-west-1"
}

variable "name" {
  description = "Prefix of every name."
  type        = string
  default     = "bookshop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "The name has 2 to 20 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "database_password" {
  description = "Password of the database's master user; better given in TF_VAR_database_password."
  type        = string
  sensitive   = true
  default     = "only-for-a-first-try"
}

locals {
  zones = { for index, letter in ["a", "b"] : letter => index }

  # One Fargate service for each entry. Paths are tried in the order of their priorities.
  services = {
    front = {
      image    = "example.com/bookshop/front:2.3.0"
      port     = 8080
      tasks    = 2
      priority = 200
      paths    = ["/*"]
    }
    catalog = {
      image    = "example.com/bookshop/catalog:1.14.2"
      port     = 9000
      tasks    = 2
      priority = 100
      paths    = ["/api/books", "/api/books/*"]
    }
  }
}

output "url" {
  description = "Where the load balancer answers."
  value       = "http://${aws_lb.main.dns_name}"
}

output "database" {
  description = "Where the database answers, from within the VPC."
  value       = "${aws_db_instance.main.address}:${aws_db_instance.main.port}"
}
