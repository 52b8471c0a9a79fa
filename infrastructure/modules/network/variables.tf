variable "name" {
  description = "Prefix of every name in this network."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "The name has 2 to 24 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "cidr_block" {
  description = "IPv4 range of the VPC. Each subnet takes one sixteenth of it."
  type        = string
  default     = "10.0.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.cidr_block, 0)) && try(tonumber(split("/", var.cidr_block)[1]) <= 24, false)
    error_message = "The range is written like 10.0.0.0/16 and is /24 or larger."
  }
}

variable "zones" {
  description = "Availability zones to use, in order. Adding one at the end leaves the others as they are."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 4
    error_message = "Two to four zones: load balancers and databases need two, and the address plan has room for four."
  }

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones)
    error_message = "Each zone is named once."
  }
}

variable "nat_gateway_per_zone" {
  description = "One NAT gateway in each zone instead of one for all. It costs more, and the loss of a zone stays in that zone."
  type        = bool
  default     = true
  nullable    = false
}
