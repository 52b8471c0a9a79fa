variable "project" {
  description = "Prefix of every name."
  type        = string
  default     = "shop"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,11}$", var.project))
    error_message = "The project has 2 to 12 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "account_id" {
  description = "AWS account that this environment belongs to; with another account's credentials nothing is touched."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account id has twelve digits."
  }
}

variable "cidr_block" {
  description = "IPv4 range of the VPC."
  type        = string
  default     = "10.10.0.0/16"
  nullable    = false
}

variable "certificate_arn" {
  description = "Issued ACM certificate of the name under which the service is reached."
  type        = string
  nullable    = false
}

variable "image" {
  description = "Container image, with a tag or a digest. It listens on port 8080 and answers GET /health."
  type        = string
  nullable    = false
}

variable "repository_arns" {
  description = "ECR repositories that the image is pulled from; none for a public image."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "test_cidr_blocks" {
  description = "From where a new version is tried before users see it: the addresses of the machines that run infra."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "database_password" {
  description = "Password of the database's master user. Give it in TF_VAR_database_password, to plan and to apply."
  type        = string
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "database_password_version" {
  description = "Raise it when the password changes."
  type        = number
  default     = 1
  nullable    = false
}

variable "tasks" {
  description = "Fewest and most tasks of the service."
  type = object({
    min = number
    max = number
  })
  default = {
    min = 3
    max = 12
  }
  nullable = false
}

variable "deletion_protection" {
  description = "Refuse to delete the database and the load balancer."
  type        = bool
  default     = true
  nullable    = false
}
