# What a session does with its files, run by the panel as: perl -e THIS -- OPERATION ROOT ARGUMENT...
#
# Paths are relative to ROOT. The answer is fields that end with a zero byte, the first of which is `ok`, `changed`,
# `fail` (then: a number of the system or a word, and words), and after them bytes, where there are any.
use strict;
use warnings;
use filetest 'access';
use Cwd ();
use Digest::SHA ();
use Fcntl;
use IO::Handle;
use Time::HiRes ();

$0 = 'ondeck files';
binmode STDIN;
binmode STDOUT;
my ($operation, $root, @args) = @ARGV;
# A file or folder that goes when this ends before its work is done.
my ($temporary, $child);
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM PIPE);

END {
    my $code = $?;
    kill 'TERM', $child if $child;
    away($temporary) if defined $temporary;
    $? = $code;
}

sub answer { print STDOUT map { "$_\0" } @_; }
sub fail { answer('fail', @_, ''); STDOUT->flush; exit 0; }
sub broken { fail($! + 0, "$!"); }

# A path whose folder is real, and lies in the workspace; its last name may be a link.
sub named {
    my ($path) = @_;
    my ($dir, $base) = $path =~ m{^(.*)/([^/]*)$}s;
    defined(my $real = Cwd::realpath($dir eq '' ? '/' : $dir)) or broken();
    -e $real or do { $! = 2; broken() };
    -d _ or do { $! = 20; broken() };
    "$real/" =~ m{^\Q$root\E/}s or $root eq '/' or fail('outside');
    return $real eq '/' ? "/$base" : "$real/$base";
}

# The same with links followed to the end, and all of it in the workspace.
sub place {
    my $path = named($_[0]);
    for (1 .. 40) {
        -l $path or return $path;
        defined(my $to = readlink $path) or broken();
        $to =~ s{(?<=.)/+$}{}s;
        my ($dir) = $path =~ m{^(.*)/}s;
        $to = "$dir/$to" unless $to =~ m{^/};
        if ($to =~ m{(^|/)\.\.?$}s) {
            defined($to = Cwd::realpath($to)) or broken();
        }
        fail('outside') if $to eq '/' and $root ne '/';
        $path = named($to);
    }
    $! = 40;
    broken();
}

sub fresh { my ($path) = @_; $path =~ s{[^/]*$}{}s; return sprintf '%s.ondeck-%08x%08x.tmp', $path, rand(2**32), rand(2**32); }

sub about { my (@s) = @_; return ($s[7], sprintf('%.9f', $s[9]), $s[1]); }

# What a file is and, unless it is too large, its bytes.
sub opened {
    my ($word, $path, $limit) = @_;
    my @s = Time::HiRes::stat($path) or broken();
    if (-d _) { $! = 21; broken(); }
    -f _ or fail('special');
    return answer($word, 'large', about(@s), 0) if $s[7] > $limit;
    sysopen(my $file, $path, O_RDONLY) or broken();
    binmode $file;
    @s = Time::HiRes::stat($file);
    my $bytes = '';
    while (length $bytes <= $limit) {
        my $n = sysread($file, $bytes, 1 << 16, length $bytes);
        defined $n or broken();
        last if $n == 0;
    }
    if (length $bytes > $limit) { return answer($word, 'large', length $bytes, (about(@s))[1, 2], 0); }
    answer($word, 'file', length $bytes, (about(@s))[1, 2], -w $path ? 1 : 0);
    print STDOUT $bytes;
}

sub digest {
    my ($path) = @_;
    return Digest::SHA->new(256)->addfile($path, 'b')->hexdigest;
}

# Gives a file another name, where nothing may be.
sub moved {
    my ($from, $to) = @_;
    lstat $to and do { $! = 17; return 0 };
    if (!-l $from and -d $from) { return rename $from, $to; }
    # Unlike renaming, linking never replaces what came in between.
    if (link $from, $to) { return unlink $from; }
    return 0 if $!{EEXIST};
    return rename $from, $to;
}

sub away {
    my ($path) = @_;
    return unlink $path if -l $path or !-d $path;
    opendir(my $dir, $path) or return 0;
    my @names = grep { $_ ne '.' && $_ ne '..' } readdir $dir;
    closedir $dir;
    for my $name (@names) { away("$path/$name") or return 0; }
    return rmdir $path;
}

sub weight {
    my ($path, $sum) = @_;
    my @s = lstat $path or broken();
    if (-d _ and !-l _) {
        $sum->[1]++;
        opendir(my $dir, $path) or broken();
        my @names = grep { $_ ne '.' && $_ ne '..' } readdir $dir;
        closedir $dir;
        weight("$path/$_", $sum) for @names;
    } else {
        $sum->[0]++;
        $sum->[2] += $s[7] if -f _;
    }
    return $sum;
}

# Runs a program, which ends when our input does. It must not outlive whoever asked.
sub attended {
    my (@command) = @_;
    local $SIG{CHLD} = sub { waitpid -1, 0; $child = undef; exit($? >> 8 || ($? ? 1 : 0)); };
    STDOUT->flush;
    defined($child = fork) or broken();
    if (!$child) {
        $SIG{$_} = 'DEFAULT' for qw(CHLD HUP INT TERM PIPE);
        open STDIN, '<', '/dev/null';
        { no warnings; exec { $command[0] } @command; }
        print STDERR "$command[0]: $!\n";
        $child = undef;
        require POSIX;
        POSIX::_exit(127);
    }
    1 while sysread(STDIN, my $rest, 4096) // $!{EINTR};
    exit 1;
}

my %run;

$run{list} = sub {
    my ($most, $room, @left) = @_;
    my %left = map { $_ => 1 } @left;
    my @queue = ('');
    my $cut = 0;
    answer('ok');
    while (@queue) {
        my $at = shift @queue;
        if ($cut) { answer('u', 0, 0, 0, $at, 'cut'); next; }
        my $dir;
        if (!opendir $dir, "$root/$at") {
            broken() if $at eq '';
            answer('u', 0, 0, 0, $at, "$!");
            next;
        }
        while (defined(my $name = readdir $dir)) {
            next if $name eq '.' or $name eq '..';
            if ($most <= 0 or $room <= 0) { $cut = 1; answer('u', 0, 0, 0, $at, 'cut'); last; }
            my $path = $at eq '' ? $name : "$at/$name";
            my @s = Time::HiRes::lstat("$root/$path") or next;
            next if $name =~ /^\.ondeck-[0-9a-f]{16}\.tmp$/ and time - $s[9] < 3600;
            my $extra = '';
            my $kind = 'o';
            if (-l _) {
                $extra = readlink("$root/$path") // '';
                $kind = -d "$root/$path" ? 'L' : 'l';
            } elsif (-d _) {
                $kind = 'd';
                if ($left{$name}) { $extra = 'left' } else { push @queue, $path }
            } elsif (-f _) {
                $kind = 'f';
            }
            answer($kind, $s[7], $s[2] & 07777, sprintf('%.9f', $s[9]), $path, $extra);
            $most--;
            $room -= length($path) + length($extra) + 48;
        }
    }
    answer('end', 0, 0, 0, '', '');
};

$run{read} = sub { my ($path, $limit) = @_; opened('ok', place("$root/$path"), $limit); };

$run{save} = sub {
    my ($path, $expected, $length, $limit) = @_;
    $path = place("$root/$path");
    my @old = lstat $path;
    if (@old) {
        if (-d _) { $! = 21; broken(); }
        -f _ or fail('special');
        -w $path or broken();
    }
    local $/;
    my $bytes = $length ? <STDIN> // '' : '';
    fail('short') if length $bytes != $length;
    my $temp = fresh($path);
    sysopen(my $file, $temp, O_WRONLY | O_CREAT | O_EXCL, 0600) or broken();
    $temporary = $temp;
    binmode $file;
    for (my $done = 0; $done < $length;) {
        my $n = syswrite($file, $bytes, $length - $done, $done);
        defined $n or broken();
        $done += $n;
    }
    my ($folder) = $path =~ m{^(.*)/}s;
    my @owner = @old ? @old[4, 5] : (stat($folder eq '' ? '/' : $folder))[4, 5];
    my @mine = stat $file;
    if ("@mine[4, 5]" ne "@owner") { chown(@owner, $file) or fail('owner'); }
    chmod(@old ? $old[2] & 07777 : 0644, $file) or broken();
    $file->sync or broken();
    close $file or broken();
    my $there = lstat $path;
    if ($expected eq '*') {
        rename $temp, $path or broken();
    } elsif ($expected eq '') {
        return opened('changed', $path, $limit) if $there;
        if (!moved($temp, $path)) { return opened('changed', $path, $limit) if $!{EEXIST}; broken(); }
    } else {
        return answer('changed', 'gone', 0, 0, 0, 0) if !$there;
        my @before = Time::HiRes::stat($path);
        return opened('changed', $path, $limit) if $before[7] > $limit or digest($path) ne $expected;
        # Between here and the renaming only a moment is left.
        my @after = Time::HiRes::stat($path);
        return opened('changed', $path, $limit) if "@before[1, 7, 9, 10]" ne "@after[1, 7, 9, 10]";
        rename $temp, $path or broken();
    }
    $temporary = undef;
    if (sysopen(my $dir, $folder eq '' ? '/' : $folder, O_RDONLY)) { $dir->sync; }
    my @s = Time::HiRes::stat($path) or broken();
    answer('ok', 'saved', about(@s), 1);
};

$run{create} = sub {
    my ($path, $kind) = @_;
    $path = named("$root/$path");
    my ($folder) = $path =~ m{^(.*)/}s;
    my @owner = (stat($folder eq '' ? '/' : $folder))[4, 5];
    if ($kind eq 'folder') {
        mkdir $path, 0755 or broken();
    } else {
        sysopen(my $file, $path, O_WRONLY | O_CREAT | O_EXCL, 0644) or broken();
    }
    chown @owner, $path if $> == 0;
    answer('ok');
};

$run{rename} = sub {
    my ($from, $to) = map { named("$root/$_") } @_;
    lstat $from or broken();
    moved($from, $to) or broken();
    answer('ok');
};

$run{remove} = sub {
    my ($path) = @_;
    $path = named("$root/$path");
    lstat $path or broken();
    away($path) or broken();
    answer('ok');
};

$run{weigh} = sub { my ($path) = @_; answer('ok', @{ weight(named("$root/$path"), [0, 0, 0]) }); };

$run{pack} = sub {
    my ($path) = @_;
    $path = place("$root/$path");
    my $sum = weight($path, [0, 0, 0]);
    my ($dir, $base) = $path =~ m{^(.*)/([^/]*)$}s;
    my $folder = -d $path;
    fail('special') unless $folder or -f _;
    answer('ok', $folder ? 'folder' : 'file', $sum->[2]);
# Hard links name other files of the archive; what symbolic links name stays.
    attended('tar', '--create', '--file=-', '--numeric-owner', '--transform=s,^[^/]*,it,S', '--directory', "$dir/", '--', $base);
};

# Input: pieces, each after its length in four bytes; one without length says that all was sent.
$run{unpack} = sub {
    my ($path, $overwrite) = @_;
    $path = named("$root/$path");
    my $replace = sub {
        return 1 if !lstat $path;
        if (-d _ or !$overwrite) { $! = 17; return 0; }
        return 1;
    };
    $replace->() or broken();
    my $temp = fresh($path);
    mkdir $temp, 0700 or broken();
    $temporary = $temp;
    my ($folder) = $path =~ m{^(.*)/}s;
    local $SIG{PIPE} = 'IGNORE';
    my $tar;
    open($tar, '|-', 'tar', '--extract', '--file=-', '--no-same-owner', '--preserve-permissions', '--directory', $temp) or broken();
    binmode $tar;
    my $whole = 0;
    while (read(STDIN, my $head, 4) // 0) {
        last if length $head < 4;
        my $length = unpack 'N', $head;
        if ($length == 0) { $whole = 1; last; }
        last if (read(STDIN, my $piece, $length) // 0) != $length;
        print {$tar} $piece or last;
    }
    my $good = close $tar;
    fail('tar') if !$good;
    fail('short') if !$whole;
    my @owner = (stat($folder eq '' ? '/' : $folder))[4, 5];
    if ("@owner" ne "$> @{[(split ' ', $))[0]]}") {
        system('chown', '--recursive', '--no-dereference', "$owner[0]:$owner[1]", '--', "$temp/it") == 0 or fail('owner');
    }
    lstat "$temp/it" or broken();
    my $over = -f _ && !-l _ && $overwrite && lstat $path;
    $replace->() or broken();
    ($over ? rename("$temp/it", $path) : moved("$temp/it", $path)) or broken();
    rmdir $temp and $temporary = undef;
    answer('ok');
};

$run{watch} = sub { attended('inotifywait', '--monitor', '--recursive', @_, '--', $root); };

defined($root = Cwd::realpath($root)) && -d $root or do { $! = 2; broken() };
my $work = $run{$operation} or fail('unknown');
$work->(@args);
STDOUT->flush or exit 1;
