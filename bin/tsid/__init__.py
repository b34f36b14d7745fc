"""Names Cisco licensing traffic in firewall events: the library behind the commands, without Splunk."""
