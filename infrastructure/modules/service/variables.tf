variable "name" {
  description = "Name of the service and prefix of what belongs to it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "The name has 2 to 24 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "vpc_id" {
  description = "VPC of the service."
  type        = string
  nullable    = false
}

variable "public_subnet_ids" {
  description = "Subnets of the load balancer, in two zones or more."
  type        = list(string)
  nullable    = false
}

variable "private_subnet_ids" {
  description = "Subnets of the tasks."
  type        = list(string)
  nullable    = false
}

variable "cluster" {
  description = "ECS cluster that runs the tasks."
  type = object({
    arn  = string
    name = string
  })
  nullable = false
}

variable "certificate_arn" {
  description = "Issued ACM certificate of the name under which the service is reached; without one it is reached by HTTP."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "The ARN of a certificate in ACM."
  }
}

variable "container" {
  description = "What runs: the image, its port, and its environment. The values of `secrets` are ARNs as ECS takes them."
  type = object({
    image       = string
    port        = optional(number, 8080)
    environment = optional(map(string), {})
    secrets     = optional(map(string), {})
  })
  nullable = false

  validation {
    condition     = !endswith(var.container.image, ":latest") && strcontains(var.container.image, ":")
    error_message = "The image has a tag or a digest, and not the tag latest: what runs has to be what was planned."
  }
}

variable "size" {
  description = "CPU units and MiB of memory of a task, as Fargate pairs them."
  type = object({
    cpu    = number
    memory = number
  })
  default = {
    cpu    = 256
    memory = 512
  }
  nullable = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.size.cpu)
    error_message = "Fargate has 256, 512, 1024, 2048, 4096, 8192 and 16384 CPU units."
  }
}

variable "tasks" {
  description = "Fewest and most tasks. Between them autoscaling decides; where they are the same there is none."
  type = object({
    min = number
    max = number
  })
  default = {
    min = 2
    max = 4
  }
  nullable = false

  validation {
    condition     = var.tasks.min >= 1 && var.tasks.max >= var.tasks.min
    error_message = "At least one task, and the maximum is not below the minimum."
  }
}

variable "health_check" {
  description = "Path that answers 200 when a task can serve, how often it is asked for (seconds), and how long an answer may take."
  type = object({
    path     = optional(string, "/health")
    interval = optional(number, 15)
    timeout  = optional(number, 5)
  })
  default  = {}
  nullable = false
}

variable "release" {
  description = "How a new version takes over: how long the old one stands by, and what sends the traffic back to it."
  type = object({
    standby            = optional(string, "30m")
    error_rate_percent = optional(number, 1)
    window             = optional(string, "60s")
    min_requests       = optional(number, 20)
  })
  default  = {}
  nullable = false
}

variable "test_cidr_blocks" {
  description = "From where new versions can be tried by the test listener before users see them: where infra runs."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "egress" {
  description = "What the tasks may reach besides HTTPS: security groups and ports, by a name of your choice."
  type = map(object({
    security_group_id = string
    port              = number
  }))
  default  = {}
  nullable = false
}

variable "secret_arns" {
  description = "Secrets that ECS reads for the containers when it starts them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "repository_arns" {
  description = "ECR repositories that the image is pulled from; none for a public image."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "task_policy_arns" {
  description = "Policies of the running application, by a name of your choice."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the logs and the secrets."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that hear of alarms."
  type        = list(string)
  default     = []
  nullable    = false
}
