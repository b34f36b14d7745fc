"""Names Cisco licensing traffic in firewall events: the library behind the search commands, without any Splunk import."""
