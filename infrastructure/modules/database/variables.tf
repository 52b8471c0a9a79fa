variable "name" {
  description = "Name of the database instance and prefix of what belongs to it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,39}$", var.name))
    error_message = "The name has 2 to 40 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "vpc_id" {
  description = "VPC of the database."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Subnets of the database, in two zones or more."
  type        = list(string)
  nullable    = false
}

variable "client_security_group_ids" {
  description = "Security groups that may connect, by a name of your choice. Nothing else may."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "engine_version" {
  description = "PostgreSQL version: a major one (\"16\") leaves the minor one to RDS."
  type        = string
  default     = "16.4"
  nullable    = false

  validation {
    condition     = can(regex("^1[5-7](\\.[0-9]+)?$", var.engine_version))
    error_message = "A PostgreSQL version from 15 to 17, like \"16\" or \"16.4\"."
  }
}

variable "parameters" {
  description = "Parameters that differ from the engine's defaults, such as log_min_duration_statement = \"1000\"."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "instance_class" {
  description = "Size of the instance."
  type        = string
  default     = "db.t4g.small"
  nullable    = false

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "Instance classes begin with \"db.\"."
  }
}

variable "allocated_storage" {
  description = "Storage in GiB at the start; it grows by itself up to four times of it."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.allocated_storage >= 20 && var.allocated_storage <= 16384
    error_message = "20 to 16384 GiB."
  }
}

variable "multi_az" {
  description = "Keep a standby in a second zone."
  type        = bool
  default     = true
  nullable    = false
}

variable "backup_retention_days" {
  description = "Days that automatic backups are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "1 to 35 days: a database without backups is not offered."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the database, and keep a final snapshot if it is deleted all the same."
  type        = bool
  default     = true
  nullable    = false
}

variable "database_name" {
  description = "Database created with the instance."
  type        = string
  default     = "app"
  nullable    = false
}

variable "username" {
  description = "Master user."
  type        = string
  default     = "app"
  nullable    = false

  validation {
    condition     = !contains(["admin", "postgres", "rdsadmin"], var.username)
    error_message = "RDS reserves this name, or everybody guesses it first."
  }
}

variable "password" {
  description = "Password of the master user. It goes to RDS and Secrets Manager and is never in the state."
  type        = string
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = length(var.password) >= 16 && !can(regex("[/@\" ]", var.password))
    error_message = "16 characters or more, without slash, at sign, double quote and space."
  }
}

variable "password_version" {
  description = "Raise it to have a changed password written: a value that is not in the state cannot be compared."
  type        = number
  default     = 1
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts storage, secret and logs."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that the database's logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that hear of alarms."
  type        = list(string)
  default     = []
  nullable    = false
}
