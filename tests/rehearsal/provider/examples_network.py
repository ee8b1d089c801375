"""Examples: networks, security groups, keys."""

from __future__ import annotations

from tests.rehearsal.provider.example import KEY, OTHER_KEY, OTHER_ZONE, TAGS, ZONE, Example, Ref

EXAMPLES: dict[str, Example] = {
    "vpc": Example(
        token="aws:ec2/vpc:Vpc",
        inputs={"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True, "tags": {"Name": "net"}},
        updates=({"enableDnsHostnames": False}, {"enableDnsSupport": False}, *TAGS),
        replaces={"cidrBlock": "10.1.0.0/16"},
    ),
    "other-vpc": Example(token="aws:ec2/vpc:Vpc", inputs={"cidrBlock": "10.2.0.0/16"}),
    "subnet": Example(
        token="aws:ec2/subnet:Subnet",
        inputs={
            "vpcId": Ref("vpc"),
            "cidrBlock": "10.0.1.0/24",
            "availabilityZone": ZONE,
            "mapPublicIpOnLaunch": True,
            "tags": {"Name": "a"},
        },
        updates=({"mapPublicIpOnLaunch": False}, *TAGS),
        replaces={"vpcId": Ref("other-vpc"), "cidrBlock": "10.0.2.0/24", "availabilityZone": OTHER_ZONE},
    ),
    "other-subnet": Example(
        token="aws:ec2/subnet:Subnet",
        inputs={"vpcId": Ref("vpc"), "cidrBlock": "10.0.9.0/24", "availabilityZone": OTHER_ZONE},
    ),
    "gateway": Example(
        token="aws:ec2/internetGateway:InternetGateway",
        inputs={"vpcId": Ref("vpc"), "tags": {"Name": "out"}},
        updates=({"vpcId": Ref("other-vpc")}, *TAGS),
    ),
    "other-gateway": Example(token="aws:ec2/internetGateway:InternetGateway", inputs={"vpcId": Ref("vpc")}),
    "table": Example(
        token="aws:ec2/routeTable:RouteTable",
        inputs={"vpcId": Ref("vpc"), "tags": {"Name": "public"}},
        updates=TAGS,
        replaces={"vpcId": Ref("other-vpc")},
    ),
    "other-table": Example(token="aws:ec2/routeTable:RouteTable", inputs={"vpcId": Ref("vpc")}),
    "route": Example(
        token="aws:ec2/route:Route",
        inputs={"routeTableId": Ref("table"), "destinationCidrBlock": "0.0.0.0/0", "gatewayId": Ref("gateway")},
        updates=({"gatewayId": Ref("vpc-gateway")},),
        replaces={"routeTableId": Ref("other-table"), "destinationCidrBlock": "192.0.2.0/24"},
    ),
    "vpc-gateway": Example(token="aws:ec2/internetGateway:InternetGateway", inputs={}),
    "association": Example(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",
        inputs={"subnetId": Ref("subnet"), "routeTableId": Ref("table")},
        updates=({"routeTableId": Ref("other-table")},),
        replaces={"subnetId": Ref("other-subnet")},
    ),
    "endpoint": Example(
        token="aws:ec2/vpcEndpoint:VpcEndpoint",
        inputs={
            "vpcId": Ref("vpc"),
            "vpcEndpointType": "Gateway",
            "serviceName": "com.amazonaws.us-east-1.s3",
            "routeTableIds": [Ref("table")],
            "tags": {"Name": "s3"},
        },
        updates=(
            {"routeTableIds": [Ref("table"), Ref("other-table")]},
            {"routeTableIds": [Ref("table")]},
            *TAGS,
        ),
        replaces={"vpcId": Ref("other-vpc"), "serviceName": "com.amazonaws.us-east-1.dynamodb"},
    ),
    "group": Example(
        token="aws:ec2/securityGroup:SecurityGroup",
        inputs={"vpcId": Ref("vpc"), "description": "who may reach the box", "tags": {"Name": "box"}},
        updates=TAGS,
        replaces={"name": "renamed", "description": "other words", "vpcId": Ref("other-vpc")},
    ),
    "other-group": Example(
        token="aws:ec2/securityGroup:SecurityGroup",
        inputs={"vpcId": Ref("vpc"), "description": "others", "name": "second"},
    ),
    "default-group": Example(
        token="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        inputs={"vpcId": Ref("vpc"), "ingress": [], "egress": [], "tags": {"Name": "closed"}},
        updates=TAGS,
        replaces={"vpcId": Ref("other-vpc")},
    ),
    "ingress": Example(
        token="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        inputs={
            "securityGroupId": Ref("group"),
            "ipProtocol": "tcp",
            "fromPort": 22,
            "toPort": 22,
            "cidrIpv4": "198.51.100.7/32",
            "description": "ssh",
            "tags": {"Name": "ssh"},
        },
        updates=(
            {"cidrIpv4": "198.51.100.8/32"},
            {"fromPort": 20},
            {"toPort": 23},
            {"description": "another word"},
            {"ipProtocol": "udp"},
            *TAGS,
        ),
        replaces={"securityGroupId": Ref("other-group")},
    ),
    "egress": Example(
        token="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        inputs={"securityGroupId": Ref("group"), "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"},
        updates=(
            {"cidrIpv4": "192.0.2.0/24"},
            {"description": "out"},
            {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443},
            *TAGS,
        ),
        replaces={"securityGroupId": Ref("other-group")},
    ),
    "key": Example(
        token="aws:ec2/keyPair:KeyPair",
        inputs={"publicKey": f"{KEY} me@laptop", "tags": {"Name": "mine"}},
        updates=TAGS,
        replaces={"keyName": "renamed", "publicKey": OTHER_KEY},
    ),
}
