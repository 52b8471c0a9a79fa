variable "app_version" {
  description = "Version of the sample image."
  type        = string
  default     = "v1"
}

variable "fail_percent" {
  description = "Share of requests that the sample answers with 500, to see a release go back by itself."
  type        = number
  default     = 0
}

variable "standby" {
  description = "How long the old version stands by after a release."
  type        = string
  default     = "30s"
}

variable "database_password" {
  description = "Password of the database; this default is for this machine only."
  type        = string
  sensitive   = true
  default     = "on-this-machine-only"
}
