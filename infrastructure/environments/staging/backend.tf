# The state is shared: laptops and the pipeline read and lock the same object. The bucket is given to init
# (-backend-config=bucket=…), the region is the environment's (AWS_REGION).
terraform {
  backend "s3" {
    key          = "staging/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
