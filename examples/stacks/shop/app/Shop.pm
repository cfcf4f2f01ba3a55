# What the shop's services share: a log, a server for lines or HTTP, and a client for both.
package Shop;
use strict;
use warnings;
use Exporter 'import';
use IO::Socket::INET;
use POSIX 'strftime';

our @EXPORT = qw(note colour say_json stamp serve_http serve_lines ask fetch);

$| = 1;
$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = $SIG{INT} = sub { note("stopping"); exit 0 };

sub stamp { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime) }

# One line of log. A colour is given as its SGR number.
sub note { print "@_\n" }
sub colour { my ($sgr, $text) = @_; return "\e[${sgr}m$text\e[0m" }

# One line of JSON from pairs, in their order; numbers stay numbers.
sub say_json {
    my @fields;
    while (my ($key, $value) = splice(@_, 0, 2)) {
        $value =~ s/(["\\])/\\$1/g;
        push @fields, qq("$key":) . ($value =~ /^-?\d+(\.\d+)?$/ ? $value : qq("$value"));
    }
    print '{' . join(',', @fields) . "}\n";
}

sub listen_on {
    my ($port) = @_;
    return IO::Socket::INET->new(LocalPort => $port, Listen => 64, ReuseAddr => 1)
        || die "cannot listen on port $port: $!\n";
}

# Calls $answer with method and path, for ever; it gives back a status and a body.
sub serve_http {
    my ($port, $answer) = @_;
    my $server = listen_on($port);
    note("listening on :$port");
    while (1) {
        my $client = $server->accept or next;
        eval {
            local $SIG{ALRM} = sub { die "slow client\n" };
            alarm 5;
            my ($method, $path) = (<$client> // '') =~ m{^(\S+) (\S+) HTTP/};
            while (defined(my $header = <$client>)) { last if $header =~ /^\r?\n$/ }
            if (defined $method) {
                my ($status, $body) = $answer->($method, $path);
                $body .= "\n";
                print $client "HTTP/1.0 $status\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
            }
            alarm 0;
        };
        alarm 0;
        close $client;
    }
}

# Calls $answer with each line a client sends, one client at a time, and sends back what it returns.
sub serve_lines {
    my ($port, $answer) = @_;
    my $server = listen_on($port);
    note("ready to accept connections on port $port");
    while (1) {
        my $client = $server->accept or next;
        eval {
            local $SIG{ALRM} = sub { die "slow client\n" };
            alarm 5;
            if (defined(my $line = <$client>)) {
                $line =~ s/\r?\n$//;
                print $client $answer->($line), "\n";
            }
            alarm 0;
        };
        alarm 0;
        close $client;
    }
}

sub connect_to {
    my ($host, $port) = @_;
    return IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 2)
        || die "$host:$port: " . ($@ =~ s/^IO::Socket::INET: //r) . "\n";
}

# Sends one line, returns the first line of the answer.
sub ask {
    my ($host, $port, $line) = @_;
    my $socket = connect_to($host, $port);
    print $socket "$line\n";
    my $answer = <$socket> // die "$host:$port: closed without an answer\n";
    chomp $answer;
    return $answer;
}

# Fetches an http:// address, returns status and body.
sub fetch {
    my ($url, $method) = @_;
    my ($host, $port, $path) = $url =~ m{^http://([^:/]+):(\d+)(/.*)?$} or die "not an address: $url\n";
    my $socket = connect_to($host, $port);
    printf $socket "%s %s HTTP/1.0\r\nHost: %s\r\n\r\n", $method // 'GET', $path // '/', $host;
    my ($status) = (<$socket> // '') =~ /^HTTP\S+ (\d+)/ or die "$host:$port: no HTTP answer\n";
    while (defined(my $header = <$socket>)) { last if $header =~ /^\r?\n$/ }
    local $/;
    my $body = <$socket> // '';
    $body =~ s/\s+$//;
    return ($status, $body);
}

1;
