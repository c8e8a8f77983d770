// Package console knows the addresses of the AWS console.
package console

// AMI is the address of an AMI's page, or "" where the partition's console is not known.
func AMI(partition, region, amiID string) string {
	host, known := map[string]string{
		"aws":        region + ".console.aws.amazon.com",
		"aws-us-gov": "console.amazonaws-us-gov.com",
		"aws-cn":     region + ".console.amazonaws.cn",
	}[partition]
	if !known {
		return ""
	}
	return "https://" + host + "/ec2/home?region=" + region + "#ImageDetails:imageId=" + amiID
}
